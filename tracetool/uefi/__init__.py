"""What UEFI firmware keeps in its variable flash."""
