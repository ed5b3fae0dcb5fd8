namespace Livebed.Driver.Campaigns;

/// <summary>In which order a synthetic guest visits its pages.</summary>
public enum AccessOrder
{
    Random,
    Sequential,
}
