"""Conversion of documents from the Sensor Logger app to readings with gravity, in m/s² and with Android's signs."""
