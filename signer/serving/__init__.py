"""What all servers of this toolkit share: where they listen, and how they end."""
