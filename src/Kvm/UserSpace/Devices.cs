using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.UserSpace;

/// <summary>
/// The devices of a VM as far as they write its memory: a disk that reads, a card that receives (in QEMU <c>address_space_map</c> to
/// <c>address_space_unmap</c>, in vhost <c>copy_to_user</c> and <c>log_write</c>). They use the process's page table like any other code of
/// it: a page may be missing, merged, swapped out or on its way from another host, and is faulted in first. The data comes first and the
/// mark after it: a mark that a sync takes before the data is there would be lost. Keeps S6 with <see cref="StopAsync"/>: no write is under
/// way during the final sync. A request that comes while the devices stand still stays in its queue, which is guest memory, and so moves
/// with the VM.
/// Simplified: no VFIO, whose device writes by itself and whose IOMMU has a log of its own; one request writes whole pages in a row.
/// </summary>
public sealed class Devices(IWorld world, Vm vm) : IDevices
{
    /// <summary>Pages of one request at most: of 4 KiB, 256 KiB.</summary>
    public const int PagesMax = 64;

    private readonly RunningCount _requests = new(world);
    private readonly RunningCount _stops = new(world);
    private Tracked<bool> _areStopped = new(world);

    public DeviceLog Log { get; } = new(vm.LogState);

    /// <summary>Deals with one request of the guest, when the devices run.</summary>
    /// <param name="op">the operation</param>
    /// <param name="first">the first page of the buffer</param>
    /// <param name="values">what the device writes, one value for each page</param>
    /// <returns>pages written; 0 when the VM has moved meanwhile, so that the request is the destination's, or no memory that may be
    /// written is there</returns>
    /// <exception cref="ArgumentOutOfRangeException">More than <see cref="PagesMax"/> pages.</exception>
    public async ValueTask<int> WriteAsync(Operation op, Gfn first, ReadOnlyMemory<ulong> values)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(values.Length, PagesMax, nameof(values));
        await _stops.DrainAsync(op);
        return vm.IsHandedOver ? 0 : await _requests.RunAsync(() => WriteRunningAsync(op, first, values));
    }

    /// <inheritdoc/>
    public async ValueTask StopAsync(Operation op)
    {
        if (_areStopped.Value) return;
        _areStopped.Value = true;
        _stops.Begin();
        if (_requests.IsAny) world.Reached(ReachedCase.DeviceDrained);
        await _requests.DrainAsync(op);
    }

    /// <inheritdoc/>
    public void Resume()
    {
        if (!_areStopped.Value) return;
        _areStopped.Value = false;
        _stops.End();
    }

    private async ValueTask<int> WriteRunningAsync(Operation op, Gfn first, ReadOnlyMemory<ulong> values)
    {
        // QEMU's flat view of memory, looked up once: a buffer that is mapped keeps its memory, whatever becomes of the memslot.
        var buffer = new (Memslot? Slot, Hva Hva)[values.Length];
        for (var page = 0; page < buffer.Length; page++)
            if (vm.Memslots.Find(first + page) is { IsReadOnly: false } slot)
                buffer[page] = (slot, slot.ToHva(first + page));

        var written = 0;
        for (var page = 0; page < buffer.Length; page++)
        {
            if (buffer[page] is not ({ } slot, var hva)) continue;
            if (await vm.Host.WriteUserAsync(op, hva, first + page, values.Span[page])) written++;
            else buffer[page] = default;
        }

        // The whole buffer is marked when it is unmapped, as one range.
        await world.PointAsync(SchedulingPoint.Preempt);
        foreach (var (slot, hva) in buffer)
            if (slot is not null)
                Mark(slot, hva);
        vm.Counters.DeviceWrites += written;
        return written;
    }

    private void Mark(Memslot slot, Hva hva)
    {
        if (vm.Options.Mutant == Mutant.DeviceWriteWithoutMark) return;
        vm.World.Trace?.Note(null, $"a device marks {hva} dirty");

        // Behind an IOMMU a device knows its buffers by other addresses, which Linux gives out from the top down (alloc_iova).
        var isTranslated = vm.Options.Mutant != Mutant.DeviceWriteMarksWrongAddress;
        Log.Mark(isTranslated ? hva : slot.Hvas.End + (-1 - (hva - slot.BaseHva)));
    }
}
