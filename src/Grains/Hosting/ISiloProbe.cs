namespace Livebed.Grains.Hosting;

/// <summary>One for each silo, on that silo; its key is the silo's name.</summary>
[Alias("Livebed.ISiloProbe")]
public interface ISiloProbe : IGrainWithStringKey
{
    /// <summary>An empty call: what a call to this silo costs before it does anything.</summary>
    [Alias("Ping")]
    ValueTask PingAsync();

    [Alias("Report")]
    Task<SiloReport> ReportAsync();
}
