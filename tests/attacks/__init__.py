"""What an evil or broken server, a thief of keys, or a damaged disk could do."""
