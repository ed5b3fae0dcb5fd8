namespace Livebed.Kvm.Tests.Scheduling;

/// <summary>Decides who runs next; all of a schedule's chance is in here.</summary>
internal interface ISchedulingStrategy
{
    /// <summary>Index of the one to run. The last entry may be the task that runs now, asking whether it may go on.</summary>
    int Pick(ReadOnlySpan<SimReady> ready);
}
