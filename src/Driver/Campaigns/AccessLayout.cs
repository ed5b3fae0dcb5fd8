namespace Livebed.Driver.Campaigns;

/// <summary>Which pages a vCPU of a synthetic guest visits: its own share of the VM's memory, or all of it (the selftests' <c>-o</c>).</summary>
public enum AccessLayout
{
    Partitioned,
    Overlapping,
}
