"""Reading symbols too faint, tilted or glossy for a decoder: from a picture's greys, with numpy alone."""
