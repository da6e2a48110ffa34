"""The artefact in C: nets in int8, the device as a linker script, an emulator."""
