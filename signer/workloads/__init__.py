"""Finding the images in workload files, and rewriting them to digests."""
