using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.World;

namespace Livebed.Grains.Hosting;

/// <summary>
/// A run that a driver begins on a cluster that was there before it, and what all silos have to know of it. A cluster has one run at a
/// time.
/// </summary>
/// <param name="Run">its name, which no other run has</param>
/// <param name="Driver">which process that is, for people</param>
/// <param name="Seed">of the actors' preemptions</param>
/// <param name="PreemptionShare">of scheduling points, 0 to 1</param>
/// <param name="Placement">of its actors</param>
/// <param name="Silos">of the run</param>
/// <param name="Tracing">which of its spans are made, and where they go</param>
/// <param name="ClockShiftMicroseconds">what the silo adds to its monotonic clock, so that it shows the driver's time</param>
[GenerateSerializer, Immutable, Alias("Livebed.RunTicket")]
public sealed record RunTicket(
    string Run, string Driver, ulong Seed, double PreemptionShare, PlacementMode Placement, int Silos,
    TracingTerms Tracing, long ClockShiftMicroseconds);

/// <summary>What a silo answers to a driver that is still there.</summary>
public enum RunRenewal : byte
{
    /// <summary>It does not serve the run: the lease is over, or the silo is another one than the run began on.</summary>
    Gone,

    /// <summary>It serves the run.</summary>
    Serves,

    /// <summary>It serves the run, and was asked to end: it waits until its VMs are elsewhere.</summary>
    Leaving,
}

/// <summary>What a silo is, so that a driver refuses one that it would not understand.</summary>
/// <param name="Protocol">of the calls between drivers and silos: <see cref="ProtocolVersion"/></param>
/// <param name="Version">of the build</param>
/// <param name="Commit">of the build</param>
/// <param name="Model">a hash of the model's sources</param>
/// <param name="IsLittleEndian">the order of the bytes in batches</param>
/// <param name="ClockMicroseconds">the machine's monotonic clock, without any shift</param>
[GenerateSerializer, Immutable, Alias("Livebed.SiloIdentity")]
public sealed record SiloIdentity(
    int Protocol, string Version, string Commit, string Model, bool IsLittleEndian, long ClockMicroseconds)
{
    /// <summary>Rises with every change of a call or message between driver and silos that the other side must know.</summary>
    public const int ProtocolVersion = 4;

    /// <summary>This process.</summary>
    public static SiloIdentity Own(long clockMicroseconds) => new(
        ProtocolVersion, ModelIdentity.Version, ModelIdentity.Commit, ModelIdentity.Model, BitConverter.IsLittleEndian, clockMicroseconds);

    /// <summary>Why a driver cannot use the silo: a sentence without its subject and end. Null when it can.</summary>
    /// <param name="driver">what the driver is</param>
    public string? ProblemWith(SiloIdentity driver)
    {
        ArgumentNullException.ThrowIfNull(driver);
        if (Protocol != driver.Protocol) return $"speaks protocol {Protocol} and this driver {driver.Protocol}";
        if (Model != driver.Model)
            return $"runs model {Model} (version {Version}, commit {Commit}) and this driver model {driver.Model} "
                + $"(version {driver.Version}, commit {driver.Commit})";
        return IsLittleEndian == driver.IsLittleEndian ? null : "has another order of bytes than this driver";
    }
}
