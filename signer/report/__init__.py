"""What became of images, in the forms that CI hosts and their pages read."""
