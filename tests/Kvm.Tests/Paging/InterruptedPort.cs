using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Paging;

/// <summary>A host with another event between its next answer to a fault and the arrival of that answer.</summary>
internal sealed class InterruptedPort(IHostPort inner) : IHostPort
{
    public Func<ValueTask<HostEventResult>>? AfterLookup { get; set; }

    /// <summary>Pages that faults have given back.</summary>
    public int Put { get; private set; }

    public async ValueTask<HostPage> FaultInAsync(Operation op, Hva hva, bool write)
    {
        var page = await inner.FaultInAsync(op, hva, write);
        if (AfterLookup is { } interruption)
        {
            AfterLookup = null;
            await interruption();
        }

        return page;
    }

    public ValueTask PutPageAsync(Operation op, Pfn pfn)
    {
        Put++;
        return inner.PutPageAsync(op, pfn);
    }

    public ValueTask<bool> WriteUserAsync(Operation op, Hva hva, Gfn gfn, ulong value) => inner.WriteUserAsync(op, hva, gfn, value);
    public ValueTask<bool> RegisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber) =>
        inner.RegisterNotifierAsync(op, subscriber);
    public ValueTask UnregisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber) =>
        inner.UnregisterNotifierAsync(op, subscriber);
    public ValueTask CopyPagesAsync(Operation op, PageSet pages) => inner.CopyPagesAsync(op, pages);

    public ValueTask<IReadOnlyList<Hva>> ChangedSinceCopyAsync(Operation op, PageSet dirty) =>
        inner.ChangedSinceCopyAsync(op, dirty);

    public ValueTask<IReadOnlyList<int>> AuditAsync(Operation op, ReadOnlyMemory<AuditedSpte> sptes) => inner.AuditAsync(op, sptes);
}
