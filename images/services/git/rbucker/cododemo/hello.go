// Says hello.
package main

import "fmt"

func main() {
	fmt.Println("hello World")
}
