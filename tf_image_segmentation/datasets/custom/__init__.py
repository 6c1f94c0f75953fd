"""Layouts of users' own data: folders, CSV lists, and the files of labeling tools."""
