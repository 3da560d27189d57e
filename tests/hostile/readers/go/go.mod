module afterword/reader

go 1.19
