"""What is required of an image, and the verdict."""
