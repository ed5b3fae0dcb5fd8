using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Vms;

/// <summary>
/// The memory layout of every VM: guest RAM from gfn 0x100 on (MMIO below it), and a hot-plug slot that comes, goes and moves between two
/// places. The process has one VMA for each, and one for memory that no memslot ever covers.
/// </summary>
public static class VmLayout
{
    public const int HotplugSlotId = 1000;
    public static readonly Gfn RamGfn = new(0x100);
    public static readonly Gfn HotplugGfn = new(1L << 24);
    public static readonly Gfn HotplugGfnMoved = new(1L << 25);
    public static readonly Hva RamHva = new(1L << 20);
    public static readonly Hva HotplugHva = new(1L << 30);
    public static readonly Hva ScratchHva = new(1L << 31);

    /// <summary>The part of RAM that a memslot has where RAM is split into several, in pages from the start of RAM. The last one has
    /// what is left over.</summary>
    public static (long FirstPage, long Pages) RamSlot(int slot, long ramPages, int slots)
    {
        var each = ramPages / slots;
        return (slot * each, slot == slots - 1 ? ramPages - slot * each : each);
    }
}
