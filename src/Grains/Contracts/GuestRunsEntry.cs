namespace Livebed.Grains.Contracts;

/// <summary>A migrating VM's guest is about to run on a host, or has stopped there; see <see cref="Kvm.World.IModelObserver.GuestRuns"/>. In order of time they are what
/// <see cref="Kvm.Checks.OneOwnerCheck"/> and <see cref="Kvm.Checks.RunsSomewhereCheck"/> judge.</summary>
/// <param name="UnixMicroseconds">wall clock of the silo</param>
/// <param name="Vm">as the inventory calls it</param>
/// <param name="Host">where</param>
/// <param name="Epoch">under which epoch</param>
/// <param name="Runs">or has stopped</param>
/// <param name="MonotonicMicroseconds">the machine's monotonic clock, the same for all silos of a machine: what durations are made of, as nobody sets it</param>
public sealed record GuestRunsEntry(long UnixMicroseconds, string Vm, string Host, long Epoch, bool Runs, long MonotonicMicroseconds);
