using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>The calls of a VM's faults to a host that is some way off: one call takes a lookup, and pages that are given back.</summary>
public interface IPageCalls
{
    /// <summary><see cref="IHostPort.FaultInAsync"/>, after <see cref="PutPagesAsync"/>.</summary>
    /// <param name="op">the operation</param>
    /// <param name="hva">the page</param>
    /// <param name="write">whether it must be writable</param>
    /// <param name="put">pages of earlier faults that are given back first; null for none</param>
    ValueTask<HostPage> FaultInAsync(Operation op, Hva hva, bool write, Pfn[]? put);

    /// <summary><see cref="IHostPort.PutPageAsync"/> for each page.</summary>
    ValueTask PutPagesAsync(Operation op, Pfn[] pages);
}

/// <summary>
/// When the faults of a VM give their pages back, if each call to the host costs. The kernel puts a page as soon as its SPTE is in place.
/// Here it is kept until the next fault calls the host, and until the last fault ends at the latest: when no fault is under way, none is
/// kept. So a page is pinned a little longer than it must be and never shorter, and it is given back once.
/// </summary>
public sealed class KeptPages
{
    private readonly IWorld _world;
    private readonly IPageCalls _host;
    private readonly Mutant? _mutant;
    private readonly TrackedList<Pfn> _pages;
    private Tracked<int> _faults;

    /// <param name="world">the VM's</param>
    /// <param name="host">the calls to its host</param>
    /// <param name="mutant">a defect that is switched on, if any</param>
    public KeptPages(IWorld world, IPageCalls host, Mutant? mutant)
    {
        (_world, _host, _mutant) = (world, host, mutant);
        var place = new Place(world);
        (_pages, _faults) = (new TrackedList<Pfn>(place), new Tracked<int>(place));
    }

    /// <inheritdoc cref="IHostPort.FaultInAsync"/>
    public ValueTask<HostPage> FaultInAsync(Operation op, Hva hva, bool write)
    {
        _faults.Value++;
        return _host.FaultInAsync(op, hva, write, TakeAlong());
    }

    /// <inheritdoc cref="IHostPort.NoPageAsync"/>
    /// <remarks>Of a call that failed it is not known whether the host has the pages that went along. They are not sent again: none is
    /// given back twice.</remarks>
    public ValueTask NoPageAsync(Operation op)
    {
        if (_mutant != Mutant.FailedFaultKeepsPages) return EndAsync(op);
        _faults.Value--;
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc cref="IHostPort.PutPageAsync"/>
    public ValueTask PutPageAsync(Operation op, Pfn pfn)
    {
        _pages.Add(pfn);
        return EndAsync(op);
    }

    /// <summary>A fault is over.</summary>
    private ValueTask EndAsync(Operation op)
    {
        if (--_faults.Value > 0 || _pages.Count == 0) return ValueTask.CompletedTask;
        return _host.PutPagesAsync(op, Take());
    }

    private Pfn[]? TakeAlong()
    {
        if (_pages.Count == 0) return null;
        _world.Reached(ReachedCase.KeptPagesGoAlong);
        return _mutant == Mutant.KeptPagesPutTwice ? _pages.ToArray() : Take();
    }

    private Pfn[] Take()
    {
        var pages = _pages.ToArray();
        _pages.Clear();
        return pages;
    }
}

/// <summary>The host's end of <see cref="IPageCalls"/>, over its port.</summary>
public static class PageCallsAtHost
{
    /// <inheritdoc cref="IPageCalls.FaultInAsync"/>
    public static ValueTask<HostPage> FaultInAsync(this IHostPort host, Operation op, Hva hva, bool write, Pfn[]? put)
    {
        return put is null ? host.FaultInAsync(op, hva, write) : PutFirstAsync(host, op, hva, write, put);

        static async ValueTask<HostPage> PutFirstAsync(IHostPort host, Operation op, Hva hva, bool write, Pfn[] put)
        {
            await host.PutPagesAsync(op, put);
            return await host.FaultInAsync(op, hva, write);
        }
    }

    /// <inheritdoc cref="IPageCalls.PutPagesAsync"/>
    public static async ValueTask PutPagesAsync(this IHostPort host, Operation op, Pfn[] pages)
    {
        foreach (var page in pages) await host.PutPageAsync(op, page);
    }
}
