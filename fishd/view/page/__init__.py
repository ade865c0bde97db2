"""summary.html: the page of a finished job, to listen to its lines, from a file and without a server.

The daemon's publisher writes it; the template of a line, the style sheet and the script can be served too.
It imports core, view.report and Jinja2, and reads nothing but the files in this folder.
"""
