using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// One host memory event (kvm-protocol 6.1) to be run by <see cref="HostMmu.RunEventAsync"/>. Of <paramref name="Range"/> counts what lies in
/// the address space's areas. A KSM scan has no address space of its own: it looks at <c>Range.Pages</c> pages, whosever turn it is.
/// </summary>
/// <param name="Kind">one of the host memory events of <see cref="OperationKind"/></param>
/// <param name="AddressSpaceId">whose memory</param>
/// <param name="Range">the pages; for a nested range, the outer range</param>
/// <param name="HoldMicroseconds">time that passes between start and end of each range; at most one second</param>
public sealed record HostEvent(OperationKind Kind, int AddressSpaceId, HvaRange Range, long HoldMicroseconds = 0)
{
    public const long HoldMicrosecondsMax = 1_000_000;
    public const long PagesMax = 1 << 20;

    /// <summary>Fork: how long the child lives, holding the pages, after the fork itself; at most one second.</summary>
    public long ChildMicroseconds { get; init; }

    /// <summary>Nested range: the page that is reclaimed inside; the first of the range when null.</summary>
    public Hva? Inner { get; init; }
}
