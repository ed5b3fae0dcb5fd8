namespace Livebed.Explorer.Strategies;

/// <summary>How a search chooses schedules.</summary>
public enum StrategyKind
{
    /// <summary>Uniformly at every point.</summary>
    Random,

    /// <summary>Random priorities with a few changes; see <see cref="PctStrategy"/>.</summary>
    Pct,

    /// <summary>All schedules up to a number of preemptions; see <see cref="DepthFirstStrategy"/>.</summary>
    Dfs,

    /// <summary>Schedules that met something new are kept and varied; see <see cref="PrefixStrategy"/>.</summary>
    Adaptive,
}
