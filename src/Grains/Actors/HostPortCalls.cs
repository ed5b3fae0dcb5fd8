using System.Runtime.InteropServices;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors;

/// <summary><see cref="IHostPort"/> by grain calls: what KVM asks of a process of the host, named by its address space.</summary>
[Alias("livebed.host.port")]
public interface IHostPortGrain : IGrainWithStringKey
{
    /// <param name="op">the operation</param>
    /// <param name="addressSpace">the process</param>
    /// <param name="hva">the page</param>
    /// <param name="write">whether it must be writable</param>
    /// <param name="put">pages of earlier faults that are given back first; null for none</param>
    ValueTask<HostPage> FaultInAsync(OperationMessage op, int addressSpace, Hva hva, bool write, Pfn[]? put);

    ValueTask PutPagesAsync(OperationMessage op, int addressSpace, Pfn[] pages);

    ValueTask<bool> WriteUserAsync(OperationMessage op, int addressSpace, Hva hva, Gfn gfn, ulong value);

    ValueTask<bool> RegisterNotifierAsync(OperationMessage op, int addressSpace, string vmKey, bool hasChangePte);

    ValueTask UnregisterNotifierAsync(OperationMessage op, int addressSpace, string vmKey);

    ValueTask CopyPagesAsync(OperationMessage op, int addressSpace, PageSet pages);

    ValueTask<Hva[]> ChangedSinceCopyAsync(OperationMessage op, int addressSpace, PageSet dirty);

    /// <summary>SPTEs as <see cref="AuditedSpte"/>s in memory; the answer is the indexes of those that do not hold.</summary>
    ValueTask<int[]> AuditAsync(OperationMessage op, int addressSpace, [Immutable] ReadOnlyMemory<byte> sptes);
}

/// <summary>Guest memory of the processes of a host.</summary>
[Alias("livebed.host.memory")]
public interface IGuestMemoryGrain : IGrainWithStringKey
{
    /// <summary>Guest accesses as <see cref="GuestAccess"/>es in memory. False when the host may not let guests run: none was
    /// made.</summary>
    ValueTask<bool> ExecuteAsync(int addressSpace, [Immutable] ReadOnlyMemory<byte> accesses, long epoch);
}

/// <summary>A VM's way to its host, by grain calls.</summary>
internal sealed class HostGrainPort : IHostPort, IPageCalls
{
    private readonly IHostPortGrain _host;
    private readonly int _addressSpace;
    private readonly string _vmKey;
    private readonly KeptPages _pages;

    /// <param name="world">the VM grain's</param>
    /// <param name="host">the host's grain</param>
    /// <param name="vm">the VM</param>
    /// <param name="vmKey">its grain</param>
    public HostGrainPort(IWorld world, IHostMmuGrain host, VmMessage vm, string vmKey)
    {
        (_host, _addressSpace, _vmKey) = (host.AsReference<IHostPortGrain>(), vm.AddressSpaceId, vmKey);
        _pages = new KeptPages(world, this, vm.Options.Mutant);
    }

    public ValueTask<HostPage> FaultInAsync(Operation op, Hva hva, bool write) => _pages.FaultInAsync(op, hva, write);

    public ValueTask NoPageAsync(Operation op) => _pages.NoPageAsync(op);

    public ValueTask PutPageAsync(Operation op, Pfn pfn) => _pages.PutPageAsync(op, pfn);

    ValueTask<HostPage> IPageCalls.FaultInAsync(Operation op, Hva hva, bool write, Pfn[]? put) =>
        _host.FaultInAsync(OperationMessage.From(op), _addressSpace, hva, write, put);

    ValueTask IPageCalls.PutPagesAsync(Operation op, Pfn[] pages) =>
        _host.PutPagesAsync(OperationMessage.From(op), _addressSpace, pages);

    public ValueTask<bool> WriteUserAsync(Operation op, Hva hva, Gfn gfn, ulong value) =>
        _host.WriteUserAsync(OperationMessage.From(op), _addressSpace, hva, gfn, value);

    public ValueTask<bool> RegisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber) =>
        _host.RegisterNotifierAsync(OperationMessage.From(op), _addressSpace, _vmKey, subscriber.HasChangePte);

    public ValueTask UnregisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber) =>
        _host.UnregisterNotifierAsync(OperationMessage.From(op), _addressSpace, _vmKey);

    public ValueTask CopyPagesAsync(Operation op, PageSet pages) =>
        _host.CopyPagesAsync(OperationMessage.From(op), _addressSpace, pages.Clone());

    public async ValueTask<IReadOnlyList<Hva>> ChangedSinceCopyAsync(Operation op, PageSet dirty) =>
        await _host.ChangedSinceCopyAsync(OperationMessage.From(op), _addressSpace, dirty.Clone());

    public async ValueTask<IReadOnlyList<int>> AuditAsync(Operation op, ReadOnlyMemory<AuditedSpte> sptes) =>
        await _host.AuditAsync(OperationMessage.From(op), _addressSpace, MemoryMarshal.AsBytes(sptes.Span).ToArray());
}

/// <summary>Guest memory on another silo: one grain call for a batch of accesses, as plain bytes.</summary>
internal sealed class HostGrainMemory(IGuestMemoryGrain host, int addressSpace) : IGuestMemory
{
    public ValueTask<bool> ExecuteAsync(ReadOnlyMemory<GuestAccess> accesses, long epoch = 0) =>
        host.ExecuteAsync(addressSpace, MemoryMarshal.AsBytes(accesses.Span).ToArray(), epoch);
}

/// <summary>The host's half of these calls.</summary>
internal sealed partial class HostMmuGrain : IHostPortGrain, IGuestMemoryGrain
{
    public ValueTask<HostPage> FaultInAsync(OperationMessage op, int addressSpace, Hva hva, bool write, Pfn[]? put) =>
        Host.Process(addressSpace).FaultInAsync(op.ToOperation(), hva, write, put);

    public ValueTask PutPagesAsync(OperationMessage op, int addressSpace, Pfn[] pages) =>
        Host.Process(addressSpace).PutPagesAsync(op.ToOperation(), pages);

    public ValueTask<bool> WriteUserAsync(OperationMessage op, int addressSpace, Hva hva, Gfn gfn, ulong value) =>
        Host.Process(addressSpace).WriteUserAsync(op.ToOperation(), hva, gfn, value);

    public ValueTask<bool> RegisterNotifierAsync(OperationMessage op, int addressSpace, string vmKey, bool hasChangePte)
    {
        var subscriber = new VmGrainSubscriber(GrainFactory.GetGrain<IVmGrain>(vmKey), vmKey, hasChangePte);
        _subscribers[vmKey] = subscriber;
        return Host.Process(addressSpace).RegisterNotifierAsync(op.ToOperation(), subscriber);
    }

    public async ValueTask UnregisterNotifierAsync(OperationMessage op, int addressSpace, string vmKey)
    {
        if (!_subscribers.TryGetValue(vmKey, out var subscriber)) return;
        await Host.Process(addressSpace).UnregisterNotifierAsync(op.ToOperation(), subscriber);
        _subscribers.Remove(vmKey);
    }

    public ValueTask CopyPagesAsync(OperationMessage op, int addressSpace, PageSet pages) =>
        Host.Process(addressSpace).CopyPagesAsync(op.ToOperation(), pages);

    public async ValueTask<Hva[]> ChangedSinceCopyAsync(OperationMessage op, int addressSpace, PageSet dirty) =>
        [.. await Host.Process(addressSpace).ChangedSinceCopyAsync(op.ToOperation(), dirty)];

    public async ValueTask<int[]> AuditAsync(OperationMessage op, int addressSpace, ReadOnlyMemory<byte> sptes) =>
        [.. await Host.Process(addressSpace).AuditAsync(op.ToOperation(), MemoryMarshal.Cast<byte, AuditedSpte>(sptes.Span).ToArray())];

    public ValueTask<bool> ExecuteAsync(int addressSpace, ReadOnlyMemory<byte> accesses, long epoch) =>
        Host.Process(addressSpace).ExecuteGuestAsync(MemoryMarshal.Cast<byte, GuestAccess>(accesses.Span).ToArray(), epoch);
}
