package did

import "context"

// Mux sends each DID to the Resolver of its method, by method name. A method that it does not hold is MethodNotSupported; a Resolver that
// answers with no document or with that of another DID is InternalError. It must not be changed while it is in use.
type Mux map[string]Resolver

// Resolve implements Resolver.
func (m Mux) Resolve(ctx context.Context, id DID, at At) (*Resolution, error) {
	r := m[id.Method()]
	if r == nil {
		return nil, &Error{Code: MethodNotSupported}
	}
	res, err := r.Resolve(ctx, id, at)
	if err != nil {
		return nil, err
	}
	if err := answers(res, id); err != nil {
		return nil, err
	}
	return res, nil
}
