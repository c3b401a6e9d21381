"""What tests share: homes, commands, tiny models, files."""
