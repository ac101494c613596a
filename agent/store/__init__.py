"""The RAG store on disk: manifest, FAISS index, BM25 and texts."""
