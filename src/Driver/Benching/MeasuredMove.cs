using Livebed.Kvm.Migration;

namespace Livebed.Driver.Benching;

/// <summary>One migration that was measured.</summary>
/// <param name="Info">as <c>query-migrate</c> tells it</param>
/// <param name="Command">from the order to its answer: with the source's teardown, which frees its memory</param>
/// <param name="Cpu">processor time of the process meanwhile</param>
internal sealed record MeasuredMove(MigrationInfo Info, TimeSpan Command, TimeSpan Cpu)
{
    public TimeSpan Total => TimeSpan.FromMicroseconds(Info.TotalMicroseconds);

    /// <summary>Of that, the bed's own comparison of all memory, which no real migration makes.</summary>
    public TimeSpan Check => TimeSpan.FromMicroseconds(Info.CheckMicroseconds);
}
