"""The version of this Signalbox, for the package, the pages and the command line."""

VERSION = "0.1.0"
