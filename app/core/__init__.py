"""What every part of the desk needs: settings, errors, logs, rules, the active adapter, the open store."""
