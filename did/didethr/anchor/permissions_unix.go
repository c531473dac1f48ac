//go:build unix

package anchor

const permissionsCount = true
