"""A QEMU of this system whose flash is driven over its bus: started, asked, and always ended."""
