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
    ValueTask<HostPageMessage> FaultInAsync(OperationMessage op, int addressSpace, Hva hva, bool write, Pfn[]? put);

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
internal sealed class HostGrainPort(IHostMmuGrain host, int addressSpace, string vmKey) : IHostPort
{
    private readonly IHostPortGrain _host = host.AsReference<IHostPortGrain>();

    // Pages that faults are done with. They go with the next call, and with the last fault's end at the latest: when no fault of the VM is
    // under way, none is kept. A page is thus pinned a little longer than it must be, and never shorter.
    private readonly List<Pfn> _put = [];
    private int _faults;

    public async ValueTask<HostPage> FaultInAsync(Operation op, Hva hva, bool write)
    {
        _faults++;
        HostPage page;
        try
        {
            page = (await _host.FaultInAsync(OperationMessage.From(op), addressSpace, hva, write, TakePut())).ToPage();
        }
        catch
        {
            // The host is gone, and with it what would have been given back.
            _faults--;
            throw;
        }

        if (page.Status != HostPageStatus.Ok) await EndAsync(op);
        return page;
    }

    public ValueTask PutPageAsync(Operation op, Pfn pfn)
    {
        _put.Add(pfn);
        return EndAsync(op);
    }

    public ValueTask<bool> WriteUserAsync(Operation op, Hva hva, Gfn gfn, ulong value) =>
        _host.WriteUserAsync(OperationMessage.From(op), addressSpace, hva, gfn, value);

    public ValueTask<bool> RegisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber) =>
        _host.RegisterNotifierAsync(OperationMessage.From(op), addressSpace, vmKey, subscriber.HasChangePte);

    public ValueTask UnregisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber) =>
        _host.UnregisterNotifierAsync(OperationMessage.From(op), addressSpace, vmKey);

    public ValueTask CopyPagesAsync(Operation op, PageSet pages) =>
        _host.CopyPagesAsync(OperationMessage.From(op), addressSpace, pages.Clone());

    public async ValueTask<IReadOnlyList<Hva>> ChangedSinceCopyAsync(Operation op, PageSet dirty) =>
        await _host.ChangedSinceCopyAsync(OperationMessage.From(op), addressSpace, dirty.Clone());

    public async ValueTask<IReadOnlyList<int>> AuditAsync(Operation op, ReadOnlyMemory<AuditedSpte> sptes) =>
        await _host.AuditAsync(OperationMessage.From(op), addressSpace, MemoryMarshal.AsBytes(sptes.Span).ToArray());

    /// <summary>A fault is over.</summary>
    private ValueTask EndAsync(Operation op) => --_faults == 0 && TakePut() is { } pages
        ? _host.PutPagesAsync(OperationMessage.From(op), addressSpace, pages)
        : ValueTask.CompletedTask;

    private Pfn[]? TakePut()
    {
        if (_put.Count == 0) return null;
        Pfn[] pages = [.. _put];
        _put.Clear();
        return pages;
    }
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
    public async ValueTask<HostPageMessage> FaultInAsync(OperationMessage op, int addressSpace, Hva hva, bool write, Pfn[]? put)
    {
        var operation = op.ToOperation();
        if (put is not null) await PutPagesAsync(operation, addressSpace, put);
        return HostPageMessage.From(await Host.Process(addressSpace).FaultInAsync(operation, hva, write));
    }

    public ValueTask PutPagesAsync(OperationMessage op, int addressSpace, Pfn[] pages) =>
        PutPagesAsync(op.ToOperation(), addressSpace, pages);

    private async ValueTask PutPagesAsync(Operation op, int addressSpace, Pfn[] pages)
    {
        foreach (var page in pages) await Host.Process(addressSpace).PutPageAsync(op, page);
    }

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

    public ValueTask<bool> ExecuteAsync(int addressSpace, ReadOnlyMemory<byte> accesses, long epoch)
    {
        // A vCPU outlives its address space by a moment when the process exits first; its accesses then reach nothing, as on a dead
        // machine.
        if (Host.Process(addressSpace).AddressSpace is not { } mm) return ValueTask.FromResult(true);
        var batch = MemoryMarshal.Cast<byte, GuestAccess>(accesses.Span).ToArray();
        return mm.GuestMemory.ExecuteAsync(batch, epoch);
    }
}
