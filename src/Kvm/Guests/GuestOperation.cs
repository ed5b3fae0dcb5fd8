using Livebed.Kvm.Addresses;
using Livebed.Kvm.Paging;

namespace Livebed.Kvm.Guests;

/// <summary>One access that a guest program wants to make. <paramref name="Value"/> is what a write stores (see <see cref="PageContent"/>).</summary>
public readonly record struct GuestOperation(Gfn Gfn, GuestAccessKind Kind, ulong Value);
