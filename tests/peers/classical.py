"""Models of scikit-learn, LightGBM and XGBoost by their ONNX converters."""

import numpy as np
from skl2onnx import to_onnx
from sklearn import (cluster, decomposition, discriminant_analysis, ensemble, feature_extraction, impute, linear_model,
                     naive_bayes, neighbors, neural_network, pipeline, preprocessing, svm, tree)
from sklearn.datasets import make_classification, make_regression

X, Y = make_classification(120, 6, n_informative=4, n_classes=3, random_state=0)
X = X.astype(np.float32)
XR, YR = make_regression(120, 6, random_state=0)
XR, YR = XR.astype(np.float32), (YR / 50).astype(np.float32)


def classifier(model, **options):
    fitted = model.fit(X, Y)
    return to_onnx(fitted, X[:1], options={id(fitted): {"zipmap": False, **options}}, target_opset={"": 18, "ai.onnx.ml": 3}), {"X": X[:20]}


def zipped(model):
    return to_onnx(model.fit(X, Y), X[:1], target_opset={"": 18, "ai.onnx.ml": 3}), {"X": X[:20]}


def regressor(model):
    return to_onnx(model.fit(XR, YR), XR[:1], target_opset={"": 18, "ai.onnx.ml": 3}), {"X": XR[:20]}


def transformer(model, x=X):
    return to_onnx(model.fit(x), x[:1], target_opset={"": 18, "ai.onnx.ml": 3}), {"X": x[:20]}


def holes():
    x = X.copy()
    x[::7, 2] = np.nan
    model = pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler(), linear_model.LogisticRegression())
    model.fit(x, Y)
    options = {id(model.steps[-1][1]): {"zipmap": False}}
    return to_onnx(model, x[:1], options=options, target_opset=18), {"X": x[:20]}


def words():
    from skl2onnx.common.data_types import StringTensorType
    from skl2onnx import convert_sklearn

    text = np.array(["the quick brown fox", "jumps over the lazy dog", "a quick dog", "brown and lazy"], dtype=object)
    model = feature_extraction.text.TfidfVectorizer().fit(text)
    return convert_sklearn(model, initial_types=[("X", StringTensorType([None, 1]))], target_opset=18), {"X": text.reshape(-1, 1)}


def categories():
    x = np.array([["a", "x"], ["b", "y"], ["a", "z"], ["c", "x"]], dtype=object)
    from skl2onnx.common.data_types import StringTensorType
    from skl2onnx import convert_sklearn

    model = preprocessing.OneHotEncoder(handle_unknown="ignore").fit(x)
    return convert_sklearn(model, initial_types=[("X", StringTensorType([None, 2]))], target_opset=18), {"X": x}


def lightgbm(regression):
    import lightgbm as lgb
    from onnxmltools.convert import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    model = (lgb.LGBMRegressor if regression else lgb.LGBMClassifier)(n_estimators=10, verbose=-1)
    x = XR if regression else X
    model.fit(x, YR if regression else Y)
    options = {} if regression else {"zipmap": False}
    return convert_lightgbm(model, initial_types=[("X", FloatTensorType([None, 6]))], target_opset=15, **options), {"X": x[:20]}


def xgboost(regression):
    import xgboost as xgb
    from onnxmltools.convert import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    model = (xgb.XGBRegressor if regression else xgb.XGBClassifier)(n_estimators=10)
    x = XR if regression else X
    model.fit(x, YR if regression else Y)
    return convert_xgboost(model, initial_types=[("X", FloatTensorType([None, 6]))], target_opset=15), {"X": x[:20]}


CASES = {
    "logistic": lambda: classifier(linear_model.LogisticRegression()),
    "logistic_zipmap": lambda: zipped(linear_model.LogisticRegression()),
    "sgd": lambda: classifier(linear_model.SGDClassifier(loss="log_loss", random_state=0)),
    "svc": lambda: classifier(svm.SVC()),
    "svc_linear": lambda: zipped(svm.LinearSVC()),
    "nu_svc_poly": lambda: classifier(svm.NuSVC(kernel="poly", nu=0.3)),
    "decision_tree": lambda: classifier(tree.DecisionTreeClassifier(max_depth=4, random_state=0)),
    "random_forest": lambda: classifier(ensemble.RandomForestClassifier(10, max_depth=5, random_state=0)),
    "extra_trees": lambda: classifier(ensemble.ExtraTreesClassifier(10, max_depth=5, random_state=0)),
    "gradient_boosting": lambda: classifier(ensemble.GradientBoostingClassifier(n_estimators=10, random_state=0)),
    "hist_boosting": lambda: classifier(ensemble.HistGradientBoostingClassifier(max_iter=10, random_state=0)),
    "ada_boost": lambda: classifier(ensemble.AdaBoostClassifier(n_estimators=5, random_state=0)),
    "bagging": lambda: classifier(ensemble.BaggingClassifier(n_estimators=4, random_state=0)),
    "mlp": lambda: classifier(neural_network.MLPClassifier(hidden_layer_sizes=(8,), max_iter=50, random_state=0)),
    "naive_bayes": lambda: classifier(naive_bayes.GaussianNB()),
    "neighbours": lambda: classifier(neighbors.KNeighborsClassifier(3)),
    "discriminant": lambda: classifier(discriminant_analysis.LinearDiscriminantAnalysis()),
    "linear_regression": lambda: regressor(linear_model.LinearRegression()),
    "ridge": lambda: regressor(linear_model.Ridge()),
    "svr": lambda: regressor(svm.SVR()),
    "forest_regression": lambda: regressor(ensemble.RandomForestRegressor(10, max_depth=5, random_state=0)),
    "boosting_regression": lambda: regressor(ensemble.GradientBoostingRegressor(n_estimators=10, random_state=0)),
    "mlp_regression": lambda: regressor(neural_network.MLPRegressor(hidden_layer_sizes=(8,), max_iter=50, random_state=0)),
    "neighbours_regression": lambda: regressor(neighbors.KNeighborsRegressor(3)),
    "k_means": lambda: transformer(cluster.KMeans(3, n_init=1, random_state=0)),
    "pca": lambda: transformer(decomposition.PCA(3)),
    "scaler": lambda: transformer(preprocessing.StandardScaler()),
    "min_max": lambda: transformer(preprocessing.MinMaxScaler()),
    "normaliser": lambda: transformer(preprocessing.Normalizer()),
    "polynomial": lambda: transformer(preprocessing.PolynomialFeatures(2)),
    "bins": lambda: transformer(preprocessing.KBinsDiscretizer(4, encode="onehot-dense")),
    "isolation_forest": lambda: transformer(ensemble.IsolationForest(n_estimators=5, random_state=0)),
    "imputed_pipeline": holes, "tfidf": words, "one_hot": categories,
    "lightgbm": lambda: lightgbm(False), "lightgbm_regression": lambda: lightgbm(True),
    "xgboost": lambda: xgboost(False), "xgboost_regression": lambda: xgboost(True),
}
