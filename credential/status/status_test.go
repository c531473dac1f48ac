package status_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/khyer/khyer/credential/status"
)

func ExampleList_At() {
	// Section 4.1 of the draft prints this list of sixteen one-bit statuses: B9 A3.
	list, err := status.NewList(1, []byte{0xb9, 0xa3}, time.Unix(1686920170, 0))
	if err != nil {
		panic(err)
	}
	v, err := list.At(3)
	fmt.Println(v, err)
	_, err = list.At(16)
	fmt.Println(err)
	// Output:
	// revoked <nil>
	// status_index_out_of_range
}

func TestPublishedLists(t *testing.T) {
	for _, c := range []struct {
		bits int
		data []byte
		want []status.Value
	}{
		// The two lists of section 4.1 of the draft.
		{1, []byte{0xb9, 0xa3}, []status.Value{1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1}},
		{2, []byte{0xc9, 0x44, 0xf9}, []status.Value{1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3}},
		{4, []byte{0x21, 0x43}, []status.Value{1, 2, 3, 4}},
		{8, []byte{0, 255, 2}, []status.Value{0, 255, 2}},
	} {
		l, err := status.NewList(c.bits, c.data, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range c.want {
			if got, err := l.At(uint64(i)); err != nil || got != want {
				t.Errorf("%d bits, index %d: %v %v, want %v", c.bits, i, got, err, want)
			}
		}
		for _, i := range []uint64{uint64(len(c.want)), 1 << 63, 1<<64 - 1} {
			if _, err := l.At(i); !errors.Is(err, status.OutOfRange) {
				t.Errorf("%d bits, index %d: %v", c.bits, i, err)
			}
		}
	}
	for _, bits := range []int{0, 3, 16, -1} {
		if _, err := status.NewList(bits, nil, time.Time{}); !errors.Is(err, status.BadBits) {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
}
