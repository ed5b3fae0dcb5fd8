namespace Livebed.Grains.Hosting;

/// <summary>A silo process ended, or said nothing for too long, before it was ready; the message has its last lines of standard error.</summary>
public sealed class SiloStartException(string silo, string reason)
    : Exception($"{silo} did not start: {reason}")
{
    public string Silo { get; } = silo;
}
