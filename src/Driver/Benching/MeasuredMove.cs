using Livebed.Kvm.Migration;

namespace Livebed.Driver.Benching;

/// <summary>One migration that was measured.</summary>
/// <param name="Info">as <c>query-migrate</c> tells it</param>
/// <param name="CommandMicroseconds">from the order to its answer: with the source's teardown, which frees its memory</param>
internal sealed record MeasuredMove(MigrationInfo Info, double CommandMicroseconds);
