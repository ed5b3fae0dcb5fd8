using Livebed.Kvm.Locks;
using Livebed.Kvm.Mutants;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Notifiers;

/// <summary>What a protocol gets of its VM: where to make its locks, mmu_lock, the walk over memslots, and the mutant to be.</summary>
public sealed record ProtocolContext(
    IWorld World, LockDomain Locks, string VmName, MmuLock MmuLock, HvaRangeWalk Walk, Mutant Mutant);
