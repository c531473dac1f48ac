// A module of its own, so that the compiler and its sources stay out of the module zip. There is no Go code here.
module github.com/khyer/khyer/did/didethr/contract

go 1.26
