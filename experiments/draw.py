def write_graph(circuit, path):
    path.write_text("x"); return path
