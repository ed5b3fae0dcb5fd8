using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;

namespace Livebed.Grains.Contracts;

/// <summary>A <see cref="HostPage"/> on the wire.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.host-page")]
public readonly record struct HostPageMessage([property: Id(0)] HostPageStatus Status, [property: Id(1)] int Pfn, [property: Id(2)] bool Writable)
{
    public static HostPageMessage From(HostPage page) => new(page.Status, page.Pfn.Value, page.Writable);

    public HostPage ToPage() => new(Status, new Pfn(Pfn), Writable);
}
