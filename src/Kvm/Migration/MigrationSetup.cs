using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Migration;

/// <summary>One migration: which VM, from where to where.</summary>
/// <param name="Stream">unique over the run, more than 0</param>
/// <param name="Vm">the VM's name in the inventory: "vm-3"</param>
/// <param name="Epoch">the VM's epoch as its owner knows it</param>
/// <param name="Source">host that owns it</param>
/// <param name="Destination">host that shall own it</param>
/// <param name="SourceAddressSpace">its process there</param>
/// <param name="DestinationAddressSpace">and here, to be created</param>
/// <param name="Blocks">QEMU's RAMBlocks: memory that is the guest's, whether a memslot shows it now or not</param>
/// <param name="PageSize">bytes</param>
public sealed record MigrationSetup(
    long Stream, string Vm, long Epoch, string Source, string Destination, int SourceAddressSpace, int DestinationAddressSpace,
    IReadOnlyList<HvaRange> Blocks, int PageSize);
