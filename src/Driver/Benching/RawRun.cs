namespace Livebed.Driver.Benching;

/// <summary>One transfer through raw TCP.</summary>
/// <param name="Total">from the first byte sent until the last was received</param>
/// <param name="Cpu">processor time of the process meanwhile</param>
internal sealed record RawRun(TimeSpan Total, TimeSpan Cpu);
