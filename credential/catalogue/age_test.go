package catalogue

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The calendar of package time decides, which moves 29 February to 1 March where it must: a way that the code under test does not go.
func hasTurned(years int, born, today time.Time) bool {
	return !time.Date(born.Year()+years, born.Month(), born.Day(), 0, 0, 0, 0, time.UTC).After(today)
}

// Each day of birth in the years around 1900, which was no leap year, and 2000, which was one, on the days around each birthday that
// counts and around the end of February.
func TestAgesOfEveryDayOfBirth(t *testing.T) {
	id := typ(t, NDI(), foundational)
	tried := 0
	for _, first := range []int{1896, 1899, 1903, 1964, 1996, 1999} {
		for born := time.Date(first, 1, 1, 0, 0, 0, 0, time.UTC); born.Year() < first+3; born = born.AddDate(0, 0, 1) {
			for _, turning := range []int{18, 60} {
				birthday := time.Date(born.Year()+turning, born.Month(), born.Day(), 0, 0, 0, 0, time.UTC)
				for _, today := range []time.Time{birthday.AddDate(0, 0, -1), birthday, birthday.AddDate(0, 0, 1), time.Date(born.Year()+turning, 2, 28, 0, 0, 0, 0, time.UTC), time.Date(born.Year()+turning, 3, 1, 0, 0, 0, 0, time.UTC)} {
					at := bhutan(today.Year(), today.Month(), today.Day(), 0, 0, 0)
					out, err := id.Compute([]byte(person(born.Format("02/01/2006"))), at)
					if err != nil {
						t.Fatalf("%v on %v: %v", born, today, err)
					}
					want := fmt.Sprintf(`,"age_over_18":%v,"age_over_60":%v}`, hasTurned(18, born, today), hasTurned(60, born, today))
					if !strings.HasSuffix(string(out), want) {
						t.Fatalf("born %s, on %s: %s", born.Format(time.DateOnly), today.Format(time.DateOnly), out[len(out)-len(want):])
					}
					tried++
				}
			}
		}
	}
	if tried < 60_000 {
		t.Errorf("only %d days were tried", tried)
	}
}

// Of all texts of two, two and four digits exactly the days of the calendar are dates, in both forms.
func TestExactlyTheDaysOfTheCalendarAreDates(t *testing.T) {
	ddmm, iso := &Claim{Format: Date}, &Claim{Format: ISODate}
	for _, year := range []int{1900, 1996, 2000, 2001, 2100} {
		leap := year%4 == 0 && year%100 != 0 || year%400 == 0
		for month := 0; month <= 99; month++ {
			last := 0
			switch {
			case month == 2 && leap:
				last = 29
			case month == 2:
				last = 28
			case month == 4 || month == 6 || month == 9 || month == 11:
				last = 30
			case month >= 1 && month <= 12:
				last = 31
			}
			for day := 0; day <= 99; day++ {
				want := day >= 1 && day <= last
				a, okA := ddmm.day(fmt.Sprintf("%02d/%02d/%04d", day, month, year))
				b, okB := iso.day(fmt.Sprintf("%04d-%02d-%02d", year, month, day))
				if okA != want || okB != want || want && (!a.Equal(b) || a.Day() != day || int(a.Month()) != month || a.Year() != year) {
					t.Fatalf("%04d-%02d-%02d: %v, %v, want %v", year, month, day, okA, okB, want)
				}
			}
		}
	}
}

func TestDatesOfAnotherForm(t *testing.T) {
	ddmm, iso := &Claim{Format: Date}, &Claim{Format: ISODate}
	for _, s := range []string{"", "1990-01-01", "01-01-1990", "01.01.1990", "1/1/1990", "01/01/90", "01/01/1990 ", " 1/01/1990", "01/ 1/1990", "+1/01/1990", "01/01/-990", "01/Jan/199", "01/01/199O",
		"01\\/01/1990", "٠١/٠١/١٩٩٠", "01/01/1990\x00", "01/01/1990T"} {
		if _, ok := ddmm.day(s); ok {
			t.Errorf("%q is no DD/MM/YYYY", s)
		}
	}
	for _, s := range []string{"", "01/01/1990", "1990/01/01", "1990-1-1", "90-01-01", "1990-01-01T00:00:00Z", "1990-001", "1990-W01-1", "19900101", "-990-01-01", "+1990-01-01", "1990-01-1 "} {
		if _, ok := iso.day(s); ok {
			t.Errorf("%q is no YYYY-MM-DD", s)
		}
	}
}

// A clock that is far off makes no age.
func TestClocksOutOfReach(t *testing.T) {
	id := typ(t, NDI(), foundational)
	for _, at := range []time.Time{time.Unix(1<<60, 0), time.Unix(-(1 << 60), 0), time.Date(99999, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)} {
		_, err := id.Compute([]byte(person("01/01/1990")), at)
		refused(t, at.String(), err, ImplausibleDate, "Date of Birth")
	}
	_, err := id.Compute([]byte(person("24/11/2026")), bhutan(2026, 11, 23, 23, 59, 59))
	refused(t, "a birth tomorrow", err, ImplausibleDate, "Date of Birth")
}
