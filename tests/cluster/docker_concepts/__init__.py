"""What Docker is: its containers, images, links, volumes and commits."""
