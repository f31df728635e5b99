// A page at /bar that tells which host served it; the port is 8080 or what PORT says.
package main

import (
	"fmt"
	"html"
	"log"
	"net/http"
	"os"
)

func main() {
	host, err := os.Hostname()
	if err != nil {
		log.Fatal(err)
	}
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	http.HandleFunc("/bar", func(page http.ResponseWriter, asked *http.Request) {
		fmt.Fprintf(page, "Hello, %q - %s\n", html.EscapeString(asked.URL.Path), host)
	})
	log.Print("serving /bar on port ", port)
	log.Fatal(http.ListenAndServe(":"+port, nil))
}
