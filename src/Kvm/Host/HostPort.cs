using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>The port of a VM that lives in the same process as its host, as in the explorer: plain calls.</summary>
public sealed class HostPort(HostMmu host, int addressSpaceId) : IHostPort
{
    public ValueTask<HostPage> FaultInAsync(Operation op, Hva hva, bool write) => host.FaultInAsync(op, addressSpaceId, hva, write);

    public ValueTask PutPageAsync(Operation op, Pfn pfn)
    {
        host.PutPage(pfn);
        return ValueTask.CompletedTask;
    }

    public ValueTask<bool> WriteUserAsync(Operation op, Hva hva, Gfn gfn, ulong value) =>
        host.WriteUserAsync(op, addressSpaceId, hva, value);

    public ValueTask<bool> RegisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber) =>
        host.RegisterNotifierAsync(op, addressSpaceId, subscriber);

    public ValueTask UnregisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber) =>
        host.UnregisterNotifierAsync(op, addressSpaceId, subscriber);

    public ValueTask CopyPagesAsync(Operation op, PageSet pages)
    {
        host.CopyPages(addressSpaceId, pages);
        return ValueTask.CompletedTask;
    }

    public ValueTask<IReadOnlyList<Hva>> ChangedSinceCopyAsync(Operation op, PageSet dirty) =>
        ValueTask.FromResult(host.ChangedSinceCopy(addressSpaceId, dirty));

    public ValueTask<IReadOnlyList<int>> AuditAsync(Operation op, ReadOnlyMemory<AuditedSpte> sptes) =>
        ValueTask.FromResult(host.AuditSptes(addressSpaceId, sptes.Span));
}
