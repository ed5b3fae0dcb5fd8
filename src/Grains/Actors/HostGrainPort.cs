using System.Runtime.InteropServices;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors;

/// <summary>A VM's way to its host, by grain calls.</summary>
internal sealed class HostGrainPort(IHostMmuGrain host, int addressSpace, string vmKey) : IHostPort
{
    public async ValueTask<HostPage> FaultInAsync(Operation op, Hva hva, bool write) =>
        (await host.FaultInAsync(OperationMessage.From(op), addressSpace, hva.Value, write)).ToPage();

    public ValueTask PutPageAsync(Operation op, Pfn pfn) => host.PutPageAsync(OperationMessage.From(op), addressSpace, pfn.Value);

    public ValueTask<bool> WriteUserAsync(Operation op, Hva hva, Gfn gfn, ulong value) =>
        host.WriteUserAsync(OperationMessage.From(op), addressSpace, hva.Value, gfn.Value, value);

    public ValueTask<bool> RegisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber) =>
        host.RegisterNotifierAsync(OperationMessage.From(op), addressSpace, vmKey, subscriber.HasChangePte);

    public ValueTask UnregisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber) =>
        host.UnregisterNotifierAsync(OperationMessage.From(op), addressSpace, vmKey);

    public ValueTask CopyPagesAsync(Operation op, PageSet pages) =>
        host.CopyPagesAsync(OperationMessage.From(op), addressSpace, pages.Clone());

    public async ValueTask<IReadOnlyList<Hva>> ChangedSinceCopyAsync(Operation op, PageSet dirty) =>
        [.. (await host.ChangedSinceCopyAsync(OperationMessage.From(op), addressSpace, dirty.Clone())).Select(hva => new Hva(hva))];

    public async ValueTask<IReadOnlyList<int>> AuditAsync(Operation op, ReadOnlyMemory<AuditedSpte> sptes) =>
        await host.AuditAsync(OperationMessage.From(op), addressSpace, MemoryMarshal.AsBytes(sptes.Span).ToArray());
}

/// <summary>Guest memory on another silo: one grain call for a batch of accesses, as plain bytes.</summary>
internal sealed class HostGrainMemory(IHostMmuGrain host, int addressSpace) : IGuestMemory
{
    public ValueTask ExecuteAsync(ReadOnlyMemory<GuestAccess> accesses) =>
        host.ExecuteAsync(addressSpace, MemoryMarshal.AsBytes(accesses.Span).ToArray());
}
