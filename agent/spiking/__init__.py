"""Populations of spiking neurons."""
